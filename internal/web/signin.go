package web

import "courier"

// showSignIn asks for a key. Where none is configured there is nothing to sign in to.
func showSignIn(v *visit) error {
	if !v.Keyed() || v.Key.Name != "" {
		return v.redirect("/")
	}
	return v.show("sign-in", frame{Title: "Sign in", Section: "sign-in", Data: v.R.URL.Query().Get("next")})
}

// refuse answers with an error on a page.
func refuse(code courier.ErrorCode, message string) error {
	return &courier.Error{Code: code, Message: message}
}
