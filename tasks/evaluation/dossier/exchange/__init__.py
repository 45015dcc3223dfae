"""Push and pull: a version with its dossier as a repository on the Hugging Face Hub, or as a folder."""
