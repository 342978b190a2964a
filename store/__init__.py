"""The database is the only truth; pixels and embeddings lie in object storage."""
