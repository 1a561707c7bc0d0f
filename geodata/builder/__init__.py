"""Parts of `rebuild.py`: each module builds one kind of file from packages, facts and sketches."""
