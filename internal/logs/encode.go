package logs

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/kataras/golog"
)

// appendText encodes an entry for people: local time, level, message, and name=value for each field. Text that could be
// mistaken for more than one line or value is quoted.
func appendText(line []byte, entry *golog.Log) []byte {
	line = entry.Time.AppendFormat(line, "2006-01-02 15:04:05.000")
	message := entry.Message
	if strings.ContainsFunc(message, unprintable) {
		message = strconv.Quote(message)
	}
	line = fmt.Appendf(line, " %-5s %s", strings.ToUpper(name(entry.Level)), message)
	for _, field := range slices.Sorted(maps.Keys(entry.Fields)) {
		value := fmt.Sprint(entry.Fields[field])
		if value == "" || strings.ContainsFunc(value, ambiguous) {
			value = strconv.Quote(value)
		}
		line = fmt.Appendf(line, " %s=%s", field, value)
	}
	return line
}

func ambiguous(r rune) bool { return r == '"' || r == '=' || r == ' ' || unprintable(r) }

func unprintable(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }

// appendJSON encodes an entry as one JSON object: time (RFC 3339, UTC), level, message, then the fields.
func appendJSON(line []byte, entry *golog.Log) []byte {
	line = append(line, `{"time":"`...)
	line = entry.Time.UTC().AppendFormat(line, "2006-01-02T15:04:05.000Z07:00")
	line = append(line, `","level":"`...)
	line = append(line, name(entry.Level)...)
	line = append(line, `","message":`...)
	line = appendValue(line, entry.Message)
	for _, field := range slices.Sorted(maps.Keys(entry.Fields)) {
		line = append(appendValue(append(line, ','), field), ':')
		line = appendValue(line, entry.Fields[field])
	}
	return append(line, '}')
}

func appendValue(line []byte, value any) []byte {
	switch v := value.(type) {
	case error:
		value = v.Error()
	case fmt.Stringer:
		value = v.String()
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		encoded, _ = json.Marshal(fmt.Sprint(value)) // a string cannot fail
	}
	return append(line, encoded...)
}

// name names a level. Entries of golog.Print have none, and count as info.
func name(level golog.Level) string {
	if level == golog.DisableLevel {
		level = golog.InfoLevel
	}
	return level.String()
}

// milliseconds is a duration as the log has it.
func milliseconds(d time.Duration) float64 { return float64(d.Round(10*time.Microsecond)) / 1e6 }
