// Package certificate makes a key and a certificate for 127.0.0.1.
package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Files are a key and a certificate for 127.0.0.1, valid for a week.
type Files struct {
	Cert, Key string      // names of PEM files
	Client    *tls.Config // trusts the certificate and nothing else
}

// New makes the files in dir.
func New(dir string) (c Files, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return c, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(7 * 24 * time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return c, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return c, err
	}
	c.Cert, c.Key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(certPEM)
	c.Client = &tls.Config{RootCAs: trusted, ServerName: "127.0.0.1"}
	return c, errors.Join(os.WriteFile(c.Cert, certPEM, 0o600), os.WriteFile(c.Key, keyPEM, 0o600))
}
