package config

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// prefix begins the name of every environment variable that is a setting.
const prefix = "BROADCAST_"

// others are variables with our prefix that are not ours: container images set BROADCAST_VERSION, and Kubernetes
// describes each service with a name like "broadcast" in this form
// (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables).
var others = regexp.MustCompile(`^` + prefix + `(VERSION|(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_\w+)?))$`)

func variable(name string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// plain is the setting's name in a variable's, without the prefix.
func plain(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, "_", "-"))
}

// source is where values come from, beside flags: the settings file or the environment.
type source struct {
	values map[string]string // by setting
	where  func(name string) string
}

// sources returns the settings file, if one is named, and the environment, which wins. An unknown name in either is an
// error.
func sources(file string, table []setting) ([]source, error) {
	environment, err := fromEnvironment(table)
	if err != nil || file == "" {
		return []source{environment}, err
	}
	settings, err := fromFile(file, table)
	return []source{settings, environment}, err
}

// fromEnvironment reads the environment variables that are settings.
func fromEnvironment(table []setting) (source, error) {
	s := source{map[string]string{}, variable}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(name, prefix)
		if !ours || others.MatchString(name) {
			continue
		}
		setting := plain(rest)
		if !known(table, setting) || name != variable(setting) {
			return s, fmt.Errorf("%s is not a setting; did you mean %s?", name, variable(nearest(table, setting)))
		}
		s.values[setting] = value
	}
	return s, nil
}

// byteOrderMark is what some editors on Windows begin a file with.
const byteOrderMark = "\ufeff"

// fromFile reads a settings file: a line `name = value` for each setting; empty lines and those that begin with # are
// ignored.
func fromFile(path string, table []setting) (source, error) {
	lines := map[string]int{}
	where := func(name string) string { return fmt.Sprintf("%s:%d: %s", path, lines[name], name) }
	s := source{map[string]string{}, where}
	file, err := os.Open(path)
	if err != nil {
		return s, fmt.Errorf("-config: %w", err)
	}
	defer file.Close()
	scanner := bufio.NewScanner(file)
	for n := 1; scanner.Scan(); n++ {
		line := strings.TrimSpace(strings.TrimPrefix(scanner.Text(), byteOrderMark))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, found := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		switch {
		case !found:
			return s, fmt.Errorf("%s:%d: %q must be name = value", path, n, line)
		case name == "config" || name == "version":
			return s, fmt.Errorf("%s:%d: %s is not a setting of this file", path, n, name)
		case !known(table, name):
			like := nearest(table, plain(strings.TrimPrefix(name, prefix)))
			return s, fmt.Errorf("%s:%d: %s is not a setting; did you mean %s?", path, n, name, like)
		case lines[name] > 0:
			return s, fmt.Errorf("%s:%d: %s is set already, in line %d", path, n, name, lines[name])
		}
		lines[name], s.values[name] = n, strings.TrimSpace(value)
	}
	if err := scanner.Err(); err != nil {
		return s, fmt.Errorf("-config %s: %w", path, err)
	}
	return s, nil
}

func known(table []setting, name string) bool {
	return slices.ContainsFunc(table, func(set setting) bool { return set.name == name })
}

// nearest is the setting whose name is most like name.
func nearest(table []setting, name string) string {
	return slices.MinFunc(table, func(a, b setting) int { return distance(a.name, name) - distance(b.name, name) }).name
}

// distance is the number of bytes to insert, delete or replace to make one text of the other (Levenshtein, 1965).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
