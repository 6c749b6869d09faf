//go:build tools

// Programs that the tests run, so that go.sum pins what they are built from.
package tools

import _ "github.com/summerwind/h2spec/cmd/h2spec"
