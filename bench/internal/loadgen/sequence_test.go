package loadgen

import "testing"

func TestTheCheckerTellsMissingFromDoubledAndLate(t *testing.T) {
	type step struct {
		sequence uint32
		want     Verdict
		missing  uint64
	}
	for name, steps := range map[string][]step{
		"in order": {{1, InOrder, 0}, {2, InOrder, 0}, {3, InOrder, 0}},
		"doubled":  {{1, InOrder, 0}, {1, Doubled, 0}, {2, InOrder, 0}, {1, Doubled, 0}},
		"missing":  {{2, InOrder, 1}, {10, InOrder, 8}},
		"late": {{5, InOrder, 4}, {3, Reordered, 3}, {3, Doubled, 3}, {1, Reordered, 2}, {2, Reordered, 1},
			{4, Reordered, 0}},
		"late in span": {{10, InOrder, 9}, {1, Reordered, 8}, {9, Reordered, 7}, {5, Reordered, 6}},
	} {
		var c Checker
		c.Note(9, 1) // another publisher's numbers are its own
		for i, s := range steps {
			if got := c.Note(1, s.sequence); got != s.want || c.Missing() != s.missing {
				t.Errorf("%s, step %d: verdict %d, missing %d; want %d, %d", name, i, got, c.Missing(), s.want,
					s.missing)
			}
		}
	}
}

func TestWhoJoinsLateMissesNothingBeforeTheFirst(t *testing.T) {
	c := Checker{AnyStart: true}
	c.Note(0, 100)
	if c.Missing() != 0 {
		t.Errorf("missing: %d", c.Missing())
	}
	if c.Note(0, 102); c.Missing() != 1 || c.Behind(0, 105) != 3 {
		t.Errorf("missing %d, behind %d; want 1, 3", c.Missing(), c.Behind(0, 105))
	}
}
