const measures = { sepal_len: 5.1, sepal_width: 3.5, petal_len: 1.4, petal_width: 0.2 }
const row = { id: 1, ...measures, category: 'Iris-setosa' }
const user = { id: '01a1fc20-5c1e-7d43-9a53-0c9be0a1f3d2', username: 'ann', email: 'ann@example.org' }
const token = 'cel_s_2XcS7lTz0m8kq4vRj6bYp1wNf3hGd5aEuOi9QyKtZxM'

/** Examples of the schemas of the articles' system. */
export const irisExamples: Readonly<Record<string, unknown>> = {
  Iris: row,
  IrisList: [row],
  IrisBody: { ...measures, category: 'Iris-setosa' },
  IrisPatch: { category: 'Iris-setosa' },
  IrisTrainBody: { cluster_number: 3 },
  IrisTrainStarted: { train_task_id: '01a1fc1c-c625-74b9-83de-9685714d747d' },
  IrisTraining: { status: 'SUCCESS', result: [{ ...measures, cluster: 1 }] },
  IrisPredictBody: measures,
  IrisPrediction: { predicted_cluster: 1 },
  ArticlesRegisterBody: { username: 'ann', email: 'ann@example.org', password: 'correct horse battery' },
  ArticlesLoginBody: { username: 'ann', password: 'correct horse battery' },
  ArticlesUser: user,
  ArticlesLogin: { user, token },
  ArticlesToken: { expiry: '2026-11-21T14:50:00.000Z', token },
  ArticlesError: { sepal_len: ['A valid number is required.'] },
}
