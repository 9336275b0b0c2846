const user = {
  id: '01a1fc20-5c1e-7d43-9a53-0c9be0a1f3d2',
  username: 'ann',
  email: 'ann@example.org',
  role: 'editor',
  disabled: false,
  created_at: '2026-11-21T02:50:00.000Z',
}
const token = {
  id: '01a1fc21-0d2f-7be0-8f6c-5f0c2d9a7e41',
  user_id: user.id,
  kind: 'api',
  name: 'nightly',
  prefix: 'cel_a_k3VQx9',
  role: 'editor',
  scopes: ['read', 'run'],
  created_at: '2026-11-21T02:50:00.000Z',
  expires_at: '2027-02-19T02:50:00.000Z',
  last_used_at: null,
  revoked_at: null,
}
const entry = {
  id: '01a1fc22-3b4d-7c11-b0de-6a1f9e8d7c50',
  at: '2026-11-21T02:51:00.000Z',
  actor: { kind: 'session', user_id: user.id, token_id: '01a1fc20-9e2b-7aa0-8c64-1b2d3e4f5a60', name: 'ann' },
  action: 'run.submit',
  outcome: 'ok',
  target: '01a1fc1c-c625-74b9-83de-9685714d747d',
  address: '192.0.2.7',
  details: {},
}
const registration = { username: 'ann', email: 'ann@example.org', password: 'correct horse battery' }

/** Examples of the schemas of users, tokens and the audit log. */
export const accountExamples: Readonly<Record<string, unknown>> = {
  RegisterBody: registration,
  LoginBody: { username: 'ann', password: 'correct horse battery' },
  ChangePasswordBody: { current: 'correct horse battery', new: 'another long password' },
  CreateUserBody: { ...registration, role: 'editor' },
  PatchUserBody: { role: 'viewer' },
  User: user,
  UserPage: { items: [user], next_cursor: null },
  Login: {
    token: 'cel_s_2XcS7lTz0m8kq4vRj6bYp1wNf3hGd5aEuOi9QyKtZxM',
    token_type: 'bearer',
    expires_at: '2026-11-21T14:50:00.000Z',
    user,
  },
  Token: token,
  TokenPage: { items: [token], next_cursor: null },
  CreatedToken: { secret: 'cel_a_k3VQx9lTz0m8kq4vRj6bYp1wNf3hGd5aEuOi9QyKtZx', token },
  CreateTokenBody: { name: 'nightly', scopes: ['read', 'run'], expires_in_days: 90 },
  Caller: { kind: 'api', user, role: 'editor', scopes: ['read', 'run'], token },
  LoggedOut: { revoked: 1 },
  AuditEntry: entry,
  AuditPage: { items: [entry], next_cursor: null },
}
