package config

import (
	"io"
	"maps"
	"testing"
)

func TestChangedHasWhatIsNotAtItsDefault(t *testing.T) {
	t.Setenv("BROADCAST_STALL", "20s")
	t.Setenv("BROADCAST_RETRY", "3s")
	file := settingsFile(t, "keep-age = 1h\nmax-topics = 7\ndemo = true\n")
	s, err := Parse([]string{"-config", file, "-retry", "2s", "-open-publish", "-max-topics", "8"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"config": file, "stall": "20s", "keep-age": "1h", "max-topics": "8", "open-publish": "true"}
	if got := s.Changed(); !maps.Equal(got, want) {
		t.Errorf("changed are %v, want %v", got, want)
	}
}

func TestChangedTellsNoSecret(t *testing.T) {
	secrets = []string{"tls-key"}
	defer func() { secrets = nil }()
	for value, want := range map[string]string{
		"pebble:https://ann:pass@word@example.com/a@b": "pebble:https://***@example.com/a@b",
		"pebble:https://token@example.com":             "pebble:https://***@example.com",
		"pebble:ann@home":                              "pebble:ann@home",
	} {
		s, err := Parse([]string{"-store", value, "-tls-cert", "cert", "-tls-key", "hush"}, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Changed(); got["store"] != want || got["tls-key"] != "***" || got["tls-cert"] != "cert" {
			t.Errorf("%s: changed are %v, want %s", value, got, want)
		}
	}
}
