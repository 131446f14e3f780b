"""The order IDs that a file has had before, in 12 to 40 bytes each. A million of them take some 25 MB; a
Python set would take 100."""

from array import array


class SeenOrders:
    """The IDs of one pass over one file, in one process. They are told apart by 64 bits of Python's keyed
    hash. Among a million, the chance that two are confused is one in thirty million. The second one would
    then be reported, never run in silence."""

    def __init__(self) -> None:
        self._count = 0
        self._allocate(1 << 12)

    def __len__(self) -> int:
        return self._count

    def first_line(self, order_id: str, line: int) -> int:
        """Return the line on which the ID was seen first: `line` itself, if that is now."""
        marks, mask = self._marks, self._mask
        mark = hash(order_id) or 1  # 0 marks a free place
        place = mark & mask
        # Open addressing: a mark is at its place or, if that is taken, at the next free one.
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
