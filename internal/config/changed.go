package config

import (
	"io"
	"regexp"
	"slices"
)

// secrets are the settings whose values Changed hides.
var secrets []string

// hidden replaces secrets.
const hidden = "***"

// userinfo is the user and the password in a URL (RFC 3986, section 3.2.1).
var userinfo = regexp.MustCompile(`(://)[^/?#]*@`)

// Changed returns the settings that are not at their defaults, by name, as they were written. Secrets are masked: the
// values of secret settings, and users and passwords in URLs.
func (s *Config) Changed() map[string]string {
	changed := map[string]string{}
	for _, set := range s.table() {
		switch value := s.given[set.name]; {
		case value == set.fallback:
		case slices.Contains(secrets, set.name):
			changed[set.name] = hidden
		default:
			changed[set.name] = userinfo.ReplaceAllString(value, "${1}"+hidden+"@")
		}
	}
	return changed
}

// noting returns a setting that also records its value in given.
func (s *Config) noting(set setting) setting {
	read := set.read
	set.read = func(value string) error {
		s.given[set.name] = value
		return read(value)
	}
	return set
}

// live are the settings that Again changes in a running server.
var live = []string{"tls-cert", "tls-key", "shutdown-delay", "open-publish", "cors-origins", "log-level", "log-format"}

// Again parses all settings anew. It returns them, and the names of those that differ but take effect only after a
// restart.
func (s *Config) Again() (next *Config, later []string, err error) {
	if next, err = Parse(s.args, io.Discard); err != nil {
		return nil, nil, err
	}
	for _, set := range s.table() {
		if next.given[set.name] != s.given[set.name] && !slices.Contains(live, set.name) {
			later = append(later, set.name)
		}
	}
	if (next.TLSCert == "") != (s.TLSCert == "") {
		later = append(later, "tls-cert", "tls-key")
	}
	return next, later, nil
}
