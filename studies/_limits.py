"""Bounds on what one untrusted file may cost. All sizes in bytes, all times in seconds."""

from __future__ import annotations

MIB = 1 << 20

MAX_FILE = 2048 * MIB
"""Largest DICOM file; an enhanced CT of 2,000 frames has about 1,000 MiB."""
MAX_HEADER = 128 * MIB
"""Farthest that the pixel data may start from the beginning of the file."""
MAX_INFLATED = 192 * MIB
"""Largest content of a deflated file. All of it must be held at once to read any of it."""
MAX_DEPTH = 64
"""Deepest nesting of sequences. Structured reports of real devices stay below 20."""
MAX_ELEMENTS = 2_000_000
MAX_PIXELS = 40_000_000
"""Most pixels of one frame. The largest radiography detectors have about 20 million."""
MAX_FRAMES = 100_000
MAX_FILES = 50_000
"""Most files of one folder."""

ZIP_MAX_MEMBERS = 20_000
ZIP_MAX_TOTAL = 2048 * MIB
ZIP_MAX_RATIO = 100
"""Most bytes out per byte in, counted once `ZIP_RATIO_FROM` bytes came out."""
ZIP_RATIO_FROM = 128 * MIB

HEADER_SECONDS = 15.0
UNZIP_SECONDS = 300.0
FRAME_SECONDS = 60.0
START_SECONDS = 120.0
"""Until a worker has imported what it needs."""
CHECK_SECONDS = 5.0
"""Header and frame of one file together, where files are only checked."""
WORKER_MEMORY = 640 * MIB
"""Address space a worker may take beyond what it has after its imports."""

MAX_IMAGE_SIDE = 2048
"""Longest side of a key image in pixels."""
MAX_TEXT = 10_240
"""Longest text value (PS3.5 6.2, LT) in characters; what is longer is cut."""
