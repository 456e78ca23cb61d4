package web

import (
	"crypto/tls"
	"time"
)

// Expiry is when the certificate that new connections get expires; the zero time without TLS.
func (s *Server) Expiry() time.Time {
	if s.TLSConfig == nil {
		return time.Time{}
	}
	certificate := &tls.Certificate{}
	switch get := s.TLSConfig.GetCertificate; {
	case get != nil:
		if got, err := get(&tls.ClientHelloInfo{}); err == nil {
			certificate = got
		}
	case len(s.TLSConfig.Certificates) > 0:
		certificate = &s.TLSConfig.Certificates[0]
	}
	if certificate.Leaf == nil {
		return time.Time{}
	}
	return certificate.Leaf.NotAfter
}
