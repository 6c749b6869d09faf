"""The standard-library modules whose docstrings the corpus holds: a fixed list, so that the corpus is reproducible."""

from __future__ import annotations

MODULES = (
    "abc", "argparse", "array", "ast", "asyncio", "base64", "bisect", "builtins", "bz2", "calendar", "cmath",
    "codecs", "collections", "collections.abc", "concurrent.futures", "configparser", "contextlib", "contextvars",
    "copy", "csv", "dataclasses", "datetime", "decimal", "difflib", "dis", "enum", "fileinput", "fnmatch",
    "fractions", "functools", "gc", "getpass", "glob", "graphlib", "gzip", "hashlib", "heapq", "hmac", "html",
    "http.client", "http.server", "importlib", "inspect", "io", "ipaddress", "itertools", "json", "keyword",
    "linecache", "locale", "logging", "lzma", "math", "mimetypes", "multiprocessing", "operator", "os", "os.path",
    "pathlib", "pickle", "pkgutil", "platform", "pprint", "queue", "random", "re", "sched", "secrets", "select",
    "selectors", "shelve", "shlex", "shutil", "signal", "socket", "socketserver", "sqlite3", "ssl", "statistics",
    "string", "struct", "subprocess", "sys", "sysconfig", "tarfile", "tempfile", "textwrap", "threading", "time",
    "timeit", "tokenize", "traceback", "tracemalloc", "types", "typing", "unicodedata", "unittest", "unittest.mock",
    "urllib.parse", "urllib.request", "uuid", "warnings", "weakref", "xml.etree.ElementTree", "zipfile", "zlib",
    "zoneinfo",
)  # fmt: skip
"""Read in this order: where two objects share a docstring, the first keeps it."""

HOMES = {"os": ("posix",), "os.path": ("posixpath", "genericpath"), "builtins": ("io",), "threading": ("_thread",)}
"""Where a module's public names really live, for modules that only re-export them."""
