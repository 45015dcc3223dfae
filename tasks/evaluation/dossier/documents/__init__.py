"""The documents of a dossier: model card, ML-BOM, Croissant, HTML page. Each is a function of the facts alone."""
