// Lets a form of ours be filled in by the browser's passkey dialogue (W3C Web Authentication, level 3). A form with
// data-passkey-get or data-passkey-create names where the challenge comes from. Without it the page offers other ways.
"use strict";

(() => {
  if (!window.PublicKeyCredential || !navigator.credentials) return;

  const toBytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0)).buffer;
  const toText = (bytes) =>
    bytes === null || bytes === undefined
      ? undefined
      : btoa(Array.from(new Uint8Array(bytes), (b) => String.fromCharCode(b)).join(""))
          .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const named = (list) => (list || []).map((one) => ({ ...one, id: toBytes(one.id) }));

  async function challenge(form, url) {
    // The whole form: what else stands in it is judged before a passkey is made for nothing.
    const fields = new URLSearchParams(new FormData(form));
    const answer = await fetch(url, { method: "POST", body: fields, credentials: "same-origin" });
    if (answer.redirected) {
      // The session is over, or wants a fresh proof: the page that it leads to says so.
      window.location.assign(answer.url);
      return null;
    }
    const found = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(found.fault || "This did not work. Load the page anew.");
    return found;
  }

  async function get(options) {
    const found = await navigator.credentials.get({
      publicKey: {
        ...options,
        challenge: toBytes(options.challenge),
        allowCredentials: named(options.allowCredentials),
      },
    });
    return {
      id: found.id,
      rawId: toText(found.rawId),
      type: found.type,
      clientExtensionResults: {},
      response: {
        clientDataJSON: toText(found.response.clientDataJSON),
        authenticatorData: toText(found.response.authenticatorData),
        signature: toText(found.response.signature),
        userHandle: toText(found.response.userHandle),
      },
    };
  }

  async function create(options) {
    const found = await navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: toBytes(options.challenge),
        user: { ...options.user, id: toBytes(options.user.id) },
        excludeCredentials: named(options.excludeCredentials),
      },
    });
    return {
      id: found.id,
      rawId: toText(found.rawId),
      type: found.type,
      clientExtensionResults: {},
      response: {
        clientDataJSON: toText(found.response.clientDataJSON),
        attestationObject: toText(found.response.attestationObject),
        transports: found.response.getTransports ? found.response.getTransports() : [],
      },
    };
  }

  function reason(error) {
    if (error.name === "NotAllowedError") return "The passkey dialogue was closed, took too long, or found no passkey.";
    if (error.name === "InvalidStateError") return "This device has a passkey for your account already.";
    if (error.name === "SecurityError") return "Passkeys work only at the desk's own address.";
    return error.message || "This did not work.";
  }

  function wire(form) {
    const making = form.dataset.passkeyCreate !== undefined;
    const url = making ? form.dataset.passkeyCreate : form.dataset.passkeyGet;
    const says = form.querySelector("[data-passkey-says]");
    form.addEventListener("submit", async (event) => {
      // A form that also takes a code says by its button which of the two was meant.
      const button = event.submitter;
      if (form.hasAttribute("data-passkey-button") && !(button && button.hasAttribute("data-passkey-start"))) return;
      if (form.elements.response.value) return;
      event.preventDefault();
      if (button) button.disabled = true;
      says.textContent = "Waiting for your passkey…";
      try {
        const asked = await challenge(form, url);
        if (asked === null) return;
        const { step, options } = asked;
        const answer = await (making ? create(options) : get(options));
        form.elements.step.value = step;
        form.elements.response.value = JSON.stringify(answer);
        says.textContent = "";
        form.submit();
      } catch (error) {
        says.textContent = reason(error);
        if (button) button.disabled = false;
      }
    });
  }

  document.querySelectorAll("[data-passkey-get], [data-passkey-create]").forEach(wire);
  document.querySelectorAll("[data-passkey]").forEach((part) => { part.hidden = false; });
})();
