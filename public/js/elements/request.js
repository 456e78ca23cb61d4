// A request to the server's JSON APIs.

import { parseExact } from './json.js';

const PATIENCE = 20_000; // ms

/**
 * @param {string} url
 * @param {object} [options]
 * @param {string} [options.method]
 * @param {any} [options.body] sent as JSON
 * @param {string} [options.text] sent as is
 * @returns {Promise<any>} the response's JSON
 * @throws {Error} whose message is for the visitor: the detail of a problem (RFC 9457)
 */
export async function request(url, { method = 'GET', body, text: plain } = {}) {
  const headers = { Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let response, text;
  try {
    const signal = AbortSignal.timeout(PATIENCE);
    response = await fetch(url, { method, headers, body: plain ?? JSON.stringify(body), signal });
    text = await response.text();
  } catch {
    throw new Error('The server cannot be reached. Please try again in a moment.');
  }
  const answer = parseExact(text);
  if (response.ok && answer) return answer;
  const failed = `The request failed with status ${response.status}. Please try again in a moment.`;
  throw new Error(answer?.detail ?? answer?.title ?? failed);
}
