// For whoever asks the server's JSON APIs.

import { parseExact } from './json.js';

const PATIENCE = 20_000; // ms

/**
 * @param {string} url
 * @param {object} [options]
 * @param {string} [options.method]
 * @param {any} [options.body] is sent as JSON
 * @param {string} [options.text] is sent as it is
 * @returns {Promise<any>} what was answered
 * @throws {Error} whose message is for the visitor: of a problem (RFC 9457) its detail
 */
export async function request(url, { method = 'GET', body, text: plain } = {}) {
  const headers = { Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let response, text;
  try {
    response = await fetch(url, { method, headers, body: plain ?? JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE) });
    text = await response.text();
  } catch {
    throw new Error('The server cannot be reached. Please try again in a moment.');
  }
  const answer = parseExact(text);
  if (response.ok && answer) return answer;
  throw new Error(answer?.detail ?? answer?.title ?? `The server could not do this (status ${response.status}). Please try again in a moment.`);
}
