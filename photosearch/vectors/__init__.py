"""The vectors of one model in a USearch HNSW graph: a cache of the catalog's embeddings. Only this knows USearch."""

from photosearch.vectors.index import EXACT_UP_TO, RECALL_FLOOR, Recall, VectorIndex, usable

__all__ = ["EXACT_UP_TO", "RECALL_FLOOR", "Recall", "VectorIndex", "usable"]
