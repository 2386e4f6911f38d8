"""SQLAlchemy storage, encryption, blobs."""
