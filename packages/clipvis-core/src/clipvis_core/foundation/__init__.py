"""What every package of the workspace needs. Imports neither torch nor mmdet, so that programs start fast."""
