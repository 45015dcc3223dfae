"""A TrainerIO for tests that stop a training and resume it."""

from models.training.io import RecordingIO


class StoppingIO(RecordingIO):
    """Keeps everything; asks the training to stop after `stop_at` steps (None: never)."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__()
        self.stop_at = stop_at
        self.num_asked = 0

    def should_stop(self) -> bool:
        self.num_asked += 1
        return self.stop_at is not None and self.num_asked > self.stop_at
