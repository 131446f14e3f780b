"""Which order IDs a file has had before, in 12 to 40 bytes each: a million of them in some 25 MB, where a
Python set takes 100."""

from array import array


class SeenOrders:
    """For one pass over one file, in one process. IDs are told apart by 64 bits of Python's keyed hash: among
    a million the chance that two are confounded is one in thirty million, and the second one would be
    reported, never run in silence."""

    def __init__(self) -> None:
        self._count = 0
        self._allocate(1 << 12)

    def __len__(self) -> int:
        return self._count

    def first_line(self, order_id: str, line: int) -> int:
        """The line on which the ID was seen first: `line` itself, if that is now."""
        marks, mask = self._marks, self._mask
        mark = hash(order_id) or 1  # 0 marks a free place
        place = mark & mask
        # Open addressing: where the mark is, or else the next free place.
        while there := marks[place]:
            if there == mark:
                return self._lines[place]
            place = (place + 1) & mask
        marks[place], self._lines[place] = mark, line
        self._count += 1
        if 3 * self._count > 2 * mask:
            self._grow()
        return line

    def _grow(self) -> None:
        marks, lines = self._marks, self._lines
        self._allocate(2 * len(marks))
        mask = self._mask
        for mark, line in zip(marks, lines, strict=True):
            if mark:
                place = mark & mask
                while self._marks[place]:
                    place = (place + 1) & mask
                self._marks[place], self._lines[place] = mark, line

    def _allocate(self, places: int) -> None:
        self._mask = places - 1
        self._marks = array("q", bytes(8 * places))
        self._lines = array("q", bytes(8 * places))
