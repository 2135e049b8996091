"""aex-work-publisher: work, its bid window and its life, and the webhooks that tell subscribers about it."""
