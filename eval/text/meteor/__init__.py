"""METEOR 1.5 for English without Java.

The algorithm is that of Denkowski and Lavie 2014 (version 1.5, English, ranking parameters), as
pycocoevalcap runs it. Its tables (synonyms, paraphrases, function words) are read from an installed
pycocoevalcap; this package holds none of them.
"""
