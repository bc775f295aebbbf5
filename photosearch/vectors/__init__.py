"""The vectors of one model in a USearch HNSW graph: a cache of the catalog's embeddings. Only this knows USearch."""

from photosearch.native import share_cpp_runtime

share_cpp_runtime()  # before usearch is imported, as the next line does

from photosearch.vectors.index import EXACT_UP_TO, RECALL_FLOOR, Recall, VectorIndex, usable  # noqa: E402

__all__ = ["EXACT_UP_TO", "RECALL_FLOOR", "Recall", "VectorIndex", "usable"]
