"""What Python's libraries raise at a zip or gzip that is cut short, damaged, encrypted or packed in an unknown way."""

import lzma
import zipfile
import zlib

UNPACKING_FAULTS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError),
    *(NotImplementedError, RuntimeError, UnicodeDecodeError),  # unknown methods, passwords, names
)
