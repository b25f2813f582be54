// Taking the present view along: a picture of it, and its address.

import * as api from "./api.js";
import { $, make } from "./dom.js";
import { done, failure } from "./notices.js";
import { nameOf, pictureOf } from "./picture.js";

export class Save {
  constructor(drive, store, address) {
    $("save-picture").addEventListener("click", () => this.picture());
    $("copy-link").addEventListener("click", () => this.link());
    this.drive = drive;
    this.store = store;
    this.address = address;
  }

  async picture() {
    const state = this.store.now;
    $("save-picture").disabled = true;
    try {
      const address = URL.createObjectURL(await pictureOf(this.drive, state));
      make("a", { href: address, download: `${nameOf(this.drive, state)}.png` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 10_000);
      done("The picture was saved.");
    } catch (error) {
      if (!(error instanceof api.Gone)) failure(`The picture was not made: ${error.message}`);
    } finally {
      $("save-picture").disabled = false;
    }
  }

  async link() {
    this.address.write();
    try {
      await navigator.clipboard.writeText(this.address.link);
      done("The link to this view was copied.");
    } catch {
      failure("The browser does not let the page copy; the address bar holds the link.");
    }
  }
}
