# The LV-VIS test set, for which no json is published: its videos are the folders of frames. Testing
# writes a file for the server.
_base_ = "./lvvis.py"

test_dataloader = dict(dataset=dict(ann_file="", data_prefix=dict(img_path="test/JPEGImages")))

test_evaluator = dict(
    _delete_=True,
    type="LVVISTrackMetric",
    format_only=True,
    outfile_prefix="work_dirs/lvvis_test_results",
)
