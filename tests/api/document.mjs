// The relay's own OpenAPI document: what it promises, and which of it has been seen to hold.
import assert from "node:assert/strict";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
const escaped = (name) => name.replaceAll("~", "~0").replaceAll("/", "~1");

export class Document {
  #json;
  #ajv = new Ajv({ strict: false, allErrors: true, validateFormats: true });
  #seen = new Set();

  constructor(json) {
    this.#json = json;
    addFormats(this.#ajv);
    this.#ajv.addSchema(json, "document");
  }

  /** [{method, path, statuses}] */
  operations() {
    return Object.entries(this.#json.paths).flatMap(([path, item]) =>
      METHODS.filter((method) => method in item).map((method) => ({
        method: method.toUpperCase(),
        path,
        statuses: Object.keys(item[method].responses),
      })),
    );
  }

  /** Names of what has not been answered yet. */
  unseen() {
    return this.operations().flatMap(({ method, path, statuses }) =>
      statuses.map((status) => `${method} ${path} ${status}`).filter((name) => !this.#seen.has(name)),
    );
  }

  validator(pointer) {
    return this.#ajv.compile({ $ref: `document#${pointer}` });
  }

  /** The answer is one of those the document has for this operation; its status, headers and body fit. */
  check(method, path, answer) {
    const name = `${method} ${path} ${answer.status}`;
    const at = ["paths", path, method.toLowerCase(), "responses"];
    assert.ok(this.#json.paths[path]?.[method.toLowerCase()], `${method} ${path} is in the document`);
    const [key, response, pointer] = this.#response(at, answer.status);
    assert.ok(response, `${name} is in the document; the answer: ${answer.text.slice(0, 300)}`);
    this.#checkHeaders(name, response, pointer, answer);
    if (response.content === undefined) assert.equal(answer.text, "", `${name} has no body`);
    else this.#checkBody(name, response.content, pointer, answer);
    this.#seen.add(`${method} ${path} ${key}`);
  }

  #response(at, status) {
    const responses = at.reduce((value, part) => value?.[part], this.#json);
    const key = String(status) in responses ? String(status) : "default";
    let response = responses[key];
    let pointer = `/${[...at, key].map(escaped).join("/")}`;
    if (response?.$ref !== undefined) {
      pointer = response.$ref.slice(1);
      response = pointer.slice(1).split("/").reduce((value, part) => value[part], this.#json);
    }
    return [key, response, pointer];
  }

  #checkHeaders(name, response, pointer, answer) {
    for (const [header, { schema, required }] of Object.entries(response.headers ?? {})) {
      const value = answer.headers[header.toLowerCase()];
      if (value === undefined) {
        assert.ok(!required, `${name} has the header ${header}`);
        continue;
      }
      const typed = schema.type === "integer" ? Number(value) : value;
      const fits = this.validator(`${pointer}/headers/${escaped(header)}/schema`);
      assert.ok(fits(typed), `${name}: ${header}: ${value} ${JSON.stringify(fits.errors)}`);
    }
  }

  #checkBody(name, content, pointer, answer) {
    assert.ok(answer.type in content, `${name} is of ${Object.keys(content)}, not ${answer.type}`);
    const fits = this.validator(`${pointer}/content/${escaped(answer.type)}/schema`);
    const json = answer.type.endsWith("json");
    const body = json ? JSON.parse(answer.text) : answer.text;
    assert.ok(fits(body), `${name}: ${answer.text.slice(0, 500)} ${JSON.stringify(fits.errors)}`);
    // A schema that lets anything pass proves nothing.
    const wrongs = [{}, 7, "text", [null], null];
    // Of a document in a language of its own only the linter knows what it may be.
    if (json && answer.status === 200 && name.includes("/openapi.json")) wrongs.shift();
    if (json) for (const wrong of wrongs) assert.ok(!fits(wrong), `${name}: the schema allows ${JSON.stringify(wrong)}`);
  }
}
