package config

import (
	"errors"
	"flag"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

const goodOrigins = `https://example.com http://localhost:3000 http://localhost https://a-b.example.co.uk:8443
	http://a_b.test https://xn--bcher-kva.example http://127.0.0.1:8080 http://[::1]:8080 https://[2001:db8::1]
	http://x:443 https://x:80 https://1.example.com`

const badOrigins = `* null example.com //example.com https:example.com https:// https://* https://*.example.com
	https://example.com/ https://example.com/a https://example.com? https://example.com# https://ann@example.com
	https://Example.com HTTPS://example.com https://bücher.example ftp://example.com file:// ws://example.com
	https://example.com: https://example.com:443 http://example.com:80 http://example.com:0 http://example.com:080
	http://example.com:65536 http://example.com:+1 http://example.com:x https://a..b https://.a https://-a.com
	https://example.com\ http://127.1 http://256.0.0.1 http://127.0.0.01 http://0x7f http://[::1 http://::1
	http://[0:0:0:0:0:0:0:1] http://[::FFFF] http://[fe80::1%25eth0] http://[fe80::1%eth0] http://[::ffff:127.0.0.1]
	http://[127.0.0.1] http://[::1]x https://example.com, , https://a.test,,https://b.test`

func TestOriginsAreAsBrowsersSendThem(t *testing.T) {
	for _, origin := range strings.Fields(goodOrigins) {
		s, err := Parse([]string{"-cors-origins", origin}, io.Discard)
		if err != nil || !slices.Equal(s.CORSOrigins, []string{origin}) {
			t.Errorf("%s is refused: %v", origin, err)
		}
	}
	long := "https://" + strings.Repeat("a.", 127) + "com"
	for _, origin := range append(strings.Fields(badOrigins), long, "https://exa mple.com", " ") {
		s, err := Parse([]string{"-cors-origins", origin}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "such as https://example.com") {
			t.Errorf("%q is taken as %+v, or the error does not help: %v", origin, s, err)
		}
	}
	s, err := Parse([]string{"-cors-origins", "https://a.test, http://b.test:1"}, io.Discard)
	if err != nil || !slices.Equal(s.CORSOrigins, []string{"https://a.test", "http://b.test:1"}) {
		t.Errorf("two origins: %+v, %v", s, err)
	}
}

func TestWrongUsageIsAnErrorOfItsOwn(t *testing.T) {
	usage := func(args ...string) bool {
		_, err := Parse(args, io.Discard)
		_, is := errors.AsType[UsageError](err)
		return is
	}
	for _, args := range [][]string{
		{"-nonsense"}, {"stray"}, {"-keep-events", "0"}, {"-keep-events"}, {"-tls-cert", "x"}, {"-max-pending", "1KiB"},
	} {
		if !usage(args...) {
			t.Errorf("%q is no UsageError", args)
		}
	}
	if _, err := Parse([]string{"-h"}, io.Discard); err != flag.ErrHelp {
		t.Errorf("-h: %v", err)
	}
	t.Setenv("BROADCAST_KEEP_AGE", "soon")
	if !usage() {
		t.Error("a bad environment variable is no UsageError")
	}
	if _, err := Define(flag.NewFlagSet("", flag.ContinueOnError), nil, "keep-age"); err == nil {
		t.Error("Define takes a bad environment variable")
	}
}

func TestEverySettingHasItsBounds(t *testing.T) {
	for name, values := range map[string][4]string{ // below the least, the least, the most, above the most
		"keep-events": {"0", "1", "1000000000", "1000000001"},
		"keep-age":    {"999ms", "1s", "876000h", "876000h1s"},
		"keep-bytes":  {"1048575", "1MiB", "1TiB", "1025GiB"},
		"max-topics":  {"0", "1", "100000000", "100000001"},
		"max-data":    {"0", "1", "64MiB", "65MiB"},
		"max-pending": {"1023", "1KiB", "1GiB", "1025MiB"},
		"stall":       {"99ms", "100ms", "24h", "24h1s"},
		"max-streams": {"0", "1", "10000000", "10000001"},
		"heartbeat":   {"99ms", "100ms", "30s", "31s"},
		"retry":       {"0s", "1ms", "1h", "1h1s"},
		"drain":       {"99ms", "100ms", "1h", "1h1s"},
	} {
		for i, value := range values {
			args := []string{"-max-data", "1", "-max-pending", "1GiB", "-keep-bytes", "1GiB", "-" + name, value}
			_, err := Parse(args, io.Discard)
			if (err == nil) != (i == 1 || i == 2) {
				t.Errorf("-%s %s: %v", name, value, err)
			}
		}
	}
}

func TestTheFlagWinsOverTheEnvironment(t *testing.T) {
	t.Setenv("BROADCAST_KEEP_EVENTS", "5")
	t.Setenv("BROADCAST_RETRY", "7s")
	s, err := Parse([]string{"-keep-events", "6"}, io.Discard)
	if err != nil || s.KeepEvents != 6 || s.Retry != 7*time.Second {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestWithoutASettingADiskKeeps4GiBAndMemory64MiB(t *testing.T) {
	for place, want := range map[string]int64{"memory": 64 << 20, "pebble:data": 4 << 30} {
		if s, err := Parse([]string{"-store", place}, io.Discard); err != nil || s.KeepBytes != want {
			t.Errorf("%s: %+v, %v, want %d", place, s, err, want)
		}
	}
}
