//go:build !linux

package pebble

import "errors"

// exchangeNames would have two folders take each other's name in one step; this system has no such thing.
func exchangeNames(string, string) error { return errors.ErrUnsupported }
