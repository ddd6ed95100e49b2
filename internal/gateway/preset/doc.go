// Package preset has the gateways that are ready made: folders of data that name a
// provider's address, parameters, rules and codes. FORMAT.md describes a folder.
package preset
