package figures

import "testing"

func TestFiguresHaveThreeDigits(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.0421: "0.042", 1.234: "1.23", 7: "7", 12.34: "12.3", 123.4: "123", 1234567: "1,234,567",
		-1500: "-1,500",
	} {
		if got := Significant(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}
