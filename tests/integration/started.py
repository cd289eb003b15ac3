"""A running sparsed, as tests see it: its process, its log, its numbers."""
import time


class Started:
    """Who inherits sets `process`, what `run(..., start=True)` gives, and `log`, the open file that
    its stderr goes to; and `page(name)`, the text of a page, if it asks for metrics."""

    patience_s = 30

    def wait(self, condition, seconds=None):
        """Until `condition()`; the test fails with the log if that takes longer, or it ends."""
        deadline = time.monotonic() + (seconds or self.patience_s)
        while not condition():
            assert self.process.poll() is None, self.logged()
            assert time.monotonic() < deadline, self.logged()
            time.sleep(0.02)
        return self

    def metric(self, name):
        """Sum over the samples of a metric whose line begins with `name`."""
        lines = (self.page("metrics") or "").splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    def logged(self):
        """All it has said so far."""
        self.log.flush()
        self.log.seek(0)
        return self.log.read()
