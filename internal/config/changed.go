package config

import (
	"regexp"
	"slices"
)

// secrets are the settings whose values Changed hides.
var secrets []string

// hidden stands for what is not for everybody's eyes.
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

// noting returns a setting that notes its value in given.
func (s *Config) noting(set setting) setting {
	read := set.read
	set.read = func(value string) error {
		s.given[set.name] = value
		return read(value)
	}
	return set
}
