"""Record the SHA-256 of the art: run `python data/make/hashes.py` after remaking any of it."""

from synthbook.files import art_hashes, data_dir, write_json

if __name__ == "__main__":
    write_json(data_dir() / "art" / "SHA256SUMS.json", art_hashes())
