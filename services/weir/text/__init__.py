"""What a text is made of, in any script: words, sentences, characters as people see them, digits. Pure.

Invariant: two spellings of one text (NFC and NFD, half and full width where it says so) have the same parts, and every
script is cut where Unicode and the ICU library cut it. One owner: no service has a word pattern of its own.
Sources: Unicode Standard Annexes 15 (normal forms) and 29 (segmentation); ICU's dictionaries for scripts without
spaces between words (Han, Kana, Thai, Lao, Khmer, Myanmar).
"""
