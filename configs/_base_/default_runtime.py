default_scope = "mmdet"

# Importing these registers what configs name. To infer, clipvis_core alone is enough.
custom_imports = dict(
    imports=[
        "clipvis_core.models",
        "clipvis_data.datasets",
        "clipvis_eval.metrics",
        "clipvis_eval.running",
        "clipvis_train.hooks",
    ],
    allow_failed_imports=False,
)

runner_type = "CLIPVISRunner"  # how training takes load_from and resume

default_hooks = dict(
    timer=dict(type="IterTimerHook"),
    # Metrics stand at their iteration: there are no epochs.
    logger=dict(type="LoggerHook", interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type="ParamSchedulerHook"),
    checkpoint=dict(type="SafeCheckpointHook", by_epoch=False, interval=10000, save_last=True, max_keep_ckpts=3),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    visualization=dict(type="PredictionVisualizationHook"),
    # What makes runs survive; here and not in custom_hooks, which a config may replace.
    iteration_seed=dict(type="IterationSeedHook"),
    finite_loss=dict(type="FiniteLossHook"),
    stop=dict(type="StopHook"),
)

custom_hooks = [
    dict(type="VocabularyHook"),
    dict(type="SamplerStateHook"),
]

test_cfg = dict(type="TestLoop")

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl"),
)

# Losses and metrics as text and JSON; `tools/train.py --tensorboard` adds TensorBoard.
visualizer = dict(type="Visualizer", vis_backends=[dict(type="LocalVisBackend")])
log_processor = dict(type="LogProcessor", window_size=50, by_epoch=False)
log_level = "INFO"
load_from = None
resume = False
