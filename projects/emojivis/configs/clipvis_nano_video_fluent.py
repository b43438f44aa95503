# CLIP-VIS nano on emoji of a style it has not seen: see emojivis_clips.py, `--split test`.
_base_ = "./clipvis_nano_video.py"

test_dataloader = dict(dataset=dict(ann_file="test.json", data_prefix=dict(img_path="test/JPEGImages")))
