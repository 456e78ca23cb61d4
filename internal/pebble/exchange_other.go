//go:build !linux

package pebble

import "errors"

// exchangeNames is not available here.
func exchangeNames(string, string) error { return errors.ErrUnsupported }
