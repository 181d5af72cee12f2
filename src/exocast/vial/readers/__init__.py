"""Readers, one file each: every module here has a tuple ``READERS`` and is found by itself.

Readers from other packages come in through the entry point group ``exocast.readers``.
"""
