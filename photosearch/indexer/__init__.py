"""From folders to the catalog: scanning, comparing, decoding in worker processes, encoding, committing, watching.

Kept free of imports: a decode worker imports this package before its memory limit is set.
"""
