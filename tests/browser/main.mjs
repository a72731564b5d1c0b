// One process, one test after the other: they share two cores with a browser.
import "./transports.test.mjs";
import "./two_csps.test.mjs";
import "./call_html.test.mjs";
