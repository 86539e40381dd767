"""Rows that are known to fail, and why. The reason is printed beside the table while the row fails, and only then."""

# (beginning of the case's title, check, reason)
KNOWN = [
    ("tiny_darknet (trained), batch 3, 224x224", "gradient at act1, free",
     "the loss of a few near ties, not of arithmetic: replayed, the same gradient agrees to 1.8e-6 of the maximum, and every decision "
     "that differs is a tie to 4e-7. One of the three photos has an unlucky tie below a large gradient: with im2col and BLAS in place of "
     "Winograd the figure is 0.0174, and PyTorch's own float32 has 0.0082 on that image without oneDNN and 0.0037 with it."),
]


def explanations(results):
    """One sentence for each known row that fails."""
    for title, check, reason in KNOWN:
        for found, rows in results:
            for row in rows:
                if found.startswith(title) and row[0] == check and row[1] > row[2]:
                    yield f"{found}: {check} is {row[1]:.2g}, over the limit of {row[2]:g}: {reason}"
