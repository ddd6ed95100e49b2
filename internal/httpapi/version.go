package httpapi

import "net/http"

// Version says what program this is.
type Version struct {
	Version string `json:"version" example:"1.2.3" doc:"The release, or dev."`
	Commit  string `json:"commit,omitempty" doc:"The commit it was built from."`
	// GoVersion is the toolchain's.
	GoVersion string `json:"go_version,omitempty" example:"go1.26.0" doc:"The Go release it was built with."`
}

func (a *API) version(w http.ResponseWriter, _ *http.Request, _ caller) error {
	return a.writeJSON(w, http.StatusOK, a.options.Version)
}
