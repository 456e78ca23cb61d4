package config

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Each of these returns a parser that stores the value. Its error continues "must be".

func text(to *string) func(string) error {
	return func(value string) error {
		*to = value
		return nil
	}
}

func address(to *string) func(string) error {
	return func(value string) error {
		*to = value
		if path, isUnix := strings.CutPrefix(value, "unix:"); isUnix && path != "" {
			return nil
		}
		_, port, err := net.SplitHostPort(value)
		if n, atoiErr := strconv.Atoi(port); err != nil || atoiErr != nil || n < 0 || n > 65535 {
			return errors.New("host:port, such as localhost:8080, or :8080 for all interfaces; or unix:PATH")
		}
		return nil
	}
}

func store(to *string) func(string) error {
	return func(value string) error {
		*to = value
		if dir, isDir := strings.CutPrefix(value, "pebble:"); value != "memory" && (!isDir || dir == "") {
			return errors.New("pebble:DIR, such as pebble:broadcast-data, or memory")
		}
		return nil
	}
}

func oneOf(to *string, choices ...string) func(string) error {
	return func(value string) error {
		*to = value
		if !slices.Contains(choices, value) {
			return errors.New("one of " + strings.Join(choices, ", "))
		}
		return nil
	}
}

func boolean(to *bool) func(string) error {
	return func(value string) (err error) {
		if *to, err = strconv.ParseBool(value); err != nil {
			return errors.New("true or false")
		}
		return nil
	}
}

func number(to *int, least, most int) func(string) error {
	return func(value string) (err error) {
		if *to, err = strconv.Atoi(value); err != nil || *to < least || *to > most {
			return fmt.Errorf("a whole number from %d to %d", least, most)
		}
		return nil
	}
}

func duration(to *time.Duration, least, most time.Duration) func(string) error {
	return func(value string) (err error) {
		if *to, err = time.ParseDuration(value); err != nil || *to < least || *to > most {
			return fmt.Errorf("a duration from %v to %v, such as 90s, 10m or 24h", least, most)
		}
		return nil
	}
}

func size[T int | int64](to *T, least, most uint64) func(string) error {
	return func(value string) error {
		bytes, err := humanize.ParseBytes(value)
		if err != nil || bytes < least || bytes > most {
			return fmt.Errorf("a size from %s to %s, such as 500KB or 1MiB",
				humanize.IBytes(least), humanize.IBytes(most))
		}
		*to = T(bytes)
		return nil
	}
}
