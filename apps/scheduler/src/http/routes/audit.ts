import { auditPageSchema, pageQuerySchema } from '@celeriac/contracts'
import { defineRoute, type Route } from '../route.ts'
import { auditView } from '../views/account-views.ts'
import { given, pageView } from '../views/page-view.ts'

export const auditRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/audit',
    operationId: 'listAudit',
    tag: 'accounts',
    summary: 'Lists who did what, newest first.',
    access: 'admin',
    query: pageQuerySchema,
    answers: { 200: { description: 'A page of the audit log', schema: auditPageSchema } },
    errors: [],
    async handle({ query }, { store }) {
      return { status: 200, body: pageView(await store.listAudit(given(query)), auditView) }
    },
  }),
]
