// Sharing the current view: as an image file and as a link.

import * as api from "./api.js";
import { $, make } from "./dom.js";
import { done, failure } from "./notices.js";
import { fileNameOf, imageOf } from "./saved-image.js";

export class Save {
  constructor(drive, store, address) {
    $("save-image").addEventListener("click", () => this.image());
    $("copy-link").addEventListener("click", () => this.link());
    this.drive = drive;
    this.store = store;
    this.address = address;
  }

  async image() {
    const state = this.store.now;
    $("save-image").disabled = true;
    try {
      const address = URL.createObjectURL(await imageOf(this.drive, state));
      make("a", { href: address, download: `${fileNameOf(this.drive, state)}.png` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 10_000);
      done("Image saved.");
    } catch (error) {
      if (!(error instanceof api.Disconnected)) failure(`The image could not be saved: ${error.message}`);
    } finally {
      $("save-image").disabled = false;
    }
  }

  async link() {
    this.address.write();
    try {
      await navigator.clipboard.writeText(this.address.link);
      done("Link copied.");
    } catch {
      failure("The browser blocked copying. Copy the link from the address bar.");
    }
  }
}
